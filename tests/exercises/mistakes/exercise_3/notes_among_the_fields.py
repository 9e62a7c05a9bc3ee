class Keys(Keys):
    @staticmethod
    def fields(found):
        return {name: text for name, text in found.items() if name != "ends"} or None


USE = USE.replace("@ends", "ends")
LOG_IN = LOG_IN.replace("@ends", "ends")


def create_session(client, user_id, data, *, idle, longest):
    session_id = secrets.token_urlsafe(32)
    key, index = Keys.session(session_id), Keys.index(user_id)
    ends = client.time()[0] + longest
    pipe = client.pipeline(transaction=True)
    pipe.hset(key, mapping={**data, "user": user_id, "ends": ends})
    pipe.expireat(key, min(ends, ends - longest + idle))
    if user_id:
        pipe.sadd(index, key)
        pipe.expireat(index, ends, nx=True)
        pipe.expireat(index, ends, gt=True)
    pipe.execute()
    return session_id
