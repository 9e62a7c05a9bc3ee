def watch_reads(client, work, most):
    reads, end = Counter(), uuid.uuid4().hex
    monitor = client.monitor().__enter__()
    try:
        work()
    except Exception:
        monitor.__exit__(None, None, None)
        raise
    client.echo(end)
    for seen in monitor.listen():
        words = seen["command"].split()
        if end in words:
            break
        if words[0].upper() in READS:
            reads[words[1]] += 1
    monitor.__exit__(None, None, None)
    return reads.most_common(most)
