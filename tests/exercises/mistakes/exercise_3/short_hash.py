class Keys(Keys):
    @staticmethod
    def session(session_id):
        return "session:" + hashlib.sha256(session_id.encode()).hexdigest()[:8]


def create_session(client, user_id, data, *, idle, longest):
    session_id = secrets.token_urlsafe(32)
    key, index = Keys.session(session_id), Keys.index(user_id)
    ends = client.time()[0] + longest
    pipe = client.pipeline(transaction=True)
    pipe.hset(key, mapping={**data, "user": user_id, "@ends": ends})
    pipe.expireat(key, min(ends, ends - longest + idle))
    if user_id:
        pipe.sadd(index, key)
        pipe.expireat(index, ends, nx=True)
        pipe.expireat(index, ends, gt=True)
    pipe.execute()
    return session_id
