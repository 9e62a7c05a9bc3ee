def allow_counter(client, key, limit, seconds):
    whole, part = client.time()
    windows = (whole + part / 1_000_000) / seconds
    number = int(windows)
    now, last = f"{{{key}}}:{number}", f"{{{key}}}:{number - 1}"
    count, before = (int(value or 0) for value in client.mget(now, last))
    if before * (1 - (windows - number)) + count + 1 > limit:
        return False
    pipe = client.pipeline(transaction=True)
    pipe.incr(now)
    pipe.expire(now, 2 * seconds)
    pipe.execute()
    return True
