def connect(host, port, timeout):
    if timeout <= 0:
        raise ValueError(timeout)
    return Valkey(
        host, port, socket_connect_timeout=timeout, socket_timeout=timeout, decode_responses=True
    )
