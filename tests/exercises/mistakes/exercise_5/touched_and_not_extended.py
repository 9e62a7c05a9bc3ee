from valkey import WatchError


def extend(client, name, token, seconds):
    key = f"lock:{{{name}}}"
    with client.pipeline() as pipe:
        try:
            pipe.watch(key)
            if pipe.get(key) != token:
                return False
            pipe.multi()
            pipe.pexpire(key, int(seconds * 1000))
            return bool(pipe.execute()[0])
        except WatchError:
            return False
