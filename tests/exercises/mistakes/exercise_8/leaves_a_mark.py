def watch_reads(client, work, most):
    reads, end = Counter(), uuid.uuid4().hex
    with client.monitor() as monitor:
        work()
        client.set(end, 1, ex=1)
        for seen in monitor.listen():
            words = seen["command"].split()
            if end in words:
                break
            if words[0].upper() in READS:
                reads[words[1]] += 1
    return reads.most_common(most)
