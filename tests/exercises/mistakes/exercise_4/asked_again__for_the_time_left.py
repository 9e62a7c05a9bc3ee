def allow_and_tell(client, key, name, limit, seconds):
    pipe = client.pipeline(transaction=True)
    pipe.set(key, 0, ex=seconds, nx=True)
    pipe.incr(key)
    count = pipe.execute()[1]
    reset = math.ceil(client.pttl(key) / 1000)
    headers = {
        "RateLimit-Policy": f'"{name}";q={limit};w={seconds}',
        "RateLimit": f'"{name}";r={max(limit - count, 0)};t={reset}',
    }
    if count > limit:
        headers["Retry-After"] = str(reset)
    return count <= limit, headers
