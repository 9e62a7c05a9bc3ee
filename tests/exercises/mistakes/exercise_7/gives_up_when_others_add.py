def add_once(client, key, amount, request, *, remember):
    mark = f"{{{key}}}:request:{request}"
    with client.pipeline() as pipe:
        for _ in range(5):
            try:
                pipe.watch(mark, key)
                told = pipe.get(mark)
                if told is not None:
                    return int(told)
                number = int(pipe.get(key) or 0) + amount
                pipe.multi()
                pipe.incrby(key, amount)
                pipe.set(mark, number, ex=remember)
                pipe.execute()
                return number
            except valkey.WatchError:
                continue
    raise RuntimeError("too many others")
