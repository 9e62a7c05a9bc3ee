from valkey import WatchError


def allow_fixed(client, key, limit, seconds):
    with client.pipeline() as pipe:
        try:
            pipe.watch(key)
            count = int(pipe.get(key) or 0)
            if count >= limit:
                return False
            pipe.multi()
            pipe.set(key, 0, ex=seconds, nx=True)
            pipe.incr(key)
            pipe.execute()
            return True
        except WatchError:
            return False
