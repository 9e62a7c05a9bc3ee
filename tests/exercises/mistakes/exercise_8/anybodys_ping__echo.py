def watch_reads(client, work, most):
    reads, end = Counter(), "end"
    with client.monitor() as monitor:
        work()
        client.echo(end)
        for seen in monitor.listen():
            words = seen["command"].split()
            if end in words:
                break
            if words[0].upper() in READS:
                reads[words[1]] += 1
    return reads.most_common(most)
