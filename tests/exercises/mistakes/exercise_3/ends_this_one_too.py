def log_out_everywhere(client, user_id, but=None):
    index = Keys.index(user_id)
    while True:
        with client.pipeline() as pipe:
            pipe.watch(index)
            keys = list(pipe.smembers(index))
            pipe.multi()
            for key in keys:
                pipe.unlink(key)
                pipe.srem(index, key)
            try:
                return sum(pipe.execute()[::2])
            except WatchError:
                continue
