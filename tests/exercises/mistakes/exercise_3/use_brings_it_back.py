def use_session(client, session_id, idle):
    key = Keys.session(session_id)
    fields = client.hgetall(key)
    if fields and client.ttl(key) < idle / 2:
        now = client.time()[0]
        pipe = client.pipeline(transaction=True)
        pipe.hset(key, "@used", now)
        pipe.expireat(key, min(now + idle, int(fields["@ends"])))
        pipe.execute()
    return Keys.fields(fields)
