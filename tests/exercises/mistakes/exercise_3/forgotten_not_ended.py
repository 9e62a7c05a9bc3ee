def log_out_everywhere(client, user_id, but=None):
    index, kept = Keys.index(user_id), Keys.session(but) if but is not None else ""
    while True:
        with client.pipeline() as pipe:
            pipe.watch(index)
            keys = [key for key in pipe.smembers(index) if key != kept]
            pipe.multi()
            for key in keys:
                pipe.srem(index, key)
            try:
                return sum(pipe.execute())
            except WatchError:
                continue
