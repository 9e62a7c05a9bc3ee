def allow_and_tell(client, key, name, limit, seconds):
    is_allowed = allow_fixed(client, key, limit, seconds)
    count, left = int(client.get(f"fixed:{key}") or 0), client.pttl(f"fixed:{key}")
    reset = math.ceil(left / 1000)
    headers = {
        "RateLimit-Policy": f'"{name}";q={limit};w={seconds}',
        "RateLimit": f'"{name}";r={max(limit - count, 0)};t={reset}',
    }
    if not is_allowed:
        headers["Retry-After"] = str(reset)
    return is_allowed, headers
