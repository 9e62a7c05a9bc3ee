def connect(host, port, timeout):
    return Valkey(
        host, port, socket_connect_timeout=timeout, socket_timeout=timeout, decode_responses=True
    )
