def log_out_everywhere(client, user_id, but=None):
    index, kept = Keys.index(user_id), Keys.session(but) if but is not None else ""
    keys = [key for key in client.smembers(index) if key != kept]
    pipe = client.pipeline(transaction=True)
    for key in keys:
        pipe.unlink(key)
        pipe.srem(index, key)
    return sum(pipe.execute()[::2])
