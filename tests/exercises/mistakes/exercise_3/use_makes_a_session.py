def use_session(client, session_id, idle):
    key = Keys.session(session_id)
    fields = client.hgetall(key)
    left = client.ttl(key)
    if left < idle / 2:
        now = client.time()[0]
        pipe = client.pipeline(transaction=True)
        pipe.hsetnx(key, "@ends", now + LONGEST)
        pipe.expireat(key, min(now + idle, int(fields.get("@ends", now + idle))))
        pipe.execute()
    return Keys.fields(fields)
