def add_once(client, key, amount, request, *, remember):
    mark = f"{{{key}}}:request:{request}"
    if not client.set(mark, "", nx=True, ex=remember):
        return int(client.get(mark) or client.get(key) or 0)
    number = client.incrby(key, amount)
    client.set(mark, number, ex=remember)
    return number
