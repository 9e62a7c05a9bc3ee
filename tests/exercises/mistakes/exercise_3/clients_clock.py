import time


def create_session(client, user_id, data, *, idle, longest):
    session_id = secrets.token_urlsafe(32)
    key, index = Keys.session(session_id), Keys.index(user_id)
    ends = int(time.time()) + longest
    pipe = client.pipeline(transaction=True)
    pipe.hset(key, mapping={**data, "user": user_id, "@ends": ends})
    pipe.expire(key, min(idle, longest))
    if user_id:
        pipe.sadd(index, key)
        pipe.expire(index, longest, nx=True)
        pipe.expire(index, longest, gt=True)
    pipe.execute()
    return session_id
