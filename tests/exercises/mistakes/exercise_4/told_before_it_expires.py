def allow_and_tell(client, key, name, limit, seconds):
    pipe = client.pipeline(transaction=True)
    pipe.incr(key)
    pipe.pttl(key)
    count, left = pipe.execute()
    if left < 0:
        client.expire(key, seconds)
        left = seconds * 1000
    reset = math.ceil(left / 1000)
    headers = {
        "RateLimit-Policy": f'"{name}";q={limit};w={seconds}',
        "RateLimit": f'"{name}";r={max(limit - count, 0)};t={reset}',
    }
    if count > limit:
        headers["Retry-After"] = str(reset)
    return count <= limit, headers
