def count_visit(client, page, seconds):
    pipe = client.pipeline(transaction=True)
    pipe.incr(f"visits:{page}")
    pipe.expire(f"visits:{page}", seconds)
    return pipe.execute()[0]
