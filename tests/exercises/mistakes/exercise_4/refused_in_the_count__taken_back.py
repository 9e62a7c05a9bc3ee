def allow_counter(client, key, limit, seconds):
    whole, part = client.time()
    number, passed = divmod(whole + part / 1_000_000, seconds)
    now, last = f"{{{key}}}:{int(number)}", f"{{{key}}}:{int(number) - 1}"
    pipe = client.pipeline(transaction=True)
    pipe.incr(now)
    pipe.expire(now, 2 * seconds)
    pipe.get(last)
    count, _, before = pipe.execute()
    if int(before or 0) * (1 - passed / seconds) + count > limit:
        client.decr(now)
        return False
    return True
