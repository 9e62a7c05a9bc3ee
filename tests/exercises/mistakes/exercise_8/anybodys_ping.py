def watch_reads(client, work, most):
    reads = Counter()
    with client.monitor() as monitor:
        work()
        client.ping()
        for seen in monitor.listen():
            words = seen["command"].split()
            if words[0] == "PING":
                break
            if words[0].upper() in READS:
                reads[words[1]] += 1
    return reads.most_common(most)
