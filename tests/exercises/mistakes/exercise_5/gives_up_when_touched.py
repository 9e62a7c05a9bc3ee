from valkey import WatchError


def release(client, name, token):
    key = f"lock:{{{name}}}"
    with client.pipeline() as pipe:
        try:
            pipe.watch(key)
            if pipe.get(key) != token:
                return False
            pipe.multi()
            pipe.delete(key)
            return bool(pipe.execute()[0])
        except WatchError:
            return False
