def wait_for_token(client, key, rate, burst):
    whole, part = client.time()
    now, tokens = whole + part / 1_000_000, float(burst)
    kept = client.hgetall(key)
    if kept:
        tokens = min(burst, float(kept["tokens"]) + max(now - float(kept["time"]), 0) * rate)
    if tokens < 1:
        return math.ceil((1 - tokens) / rate * 1e6) / 1e6
    pipe = client.pipeline(transaction=True)
    pipe.hset(key, mapping={"tokens": repr(tokens - 1), "time": repr(now)})
    pipe.pexpire(key, math.ceil((burst - tokens + 1) / rate * 1000))
    pipe.execute()
    return 0.0
