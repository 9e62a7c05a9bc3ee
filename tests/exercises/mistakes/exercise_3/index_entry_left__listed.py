def list_sessions(client, user_id):
    pipe = client.pipeline(transaction=False)
    for key in client.smembers(Keys.index(user_id)):
        pipe.hgetall(key)
    return [Keys.fields(fields) or {} for fields in pipe.execute()]
