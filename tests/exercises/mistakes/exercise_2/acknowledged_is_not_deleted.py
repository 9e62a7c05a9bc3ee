def write_out(client, prices, worker):
    with suppress(ResponseError):
        client.xgroup_create(STREAM, GROUP, id="0", mkstream=True)
    written = 0
    for start in ("0", ">"):
        while True:
            answer = client.xreadgroup(GROUP, worker, {STREAM: start}, count=BATCH)
            entries = answer[0][1] if answer else []
            if not entries:
                break
            ids = [entry_id for entry_id, _ in entries]
            for _, note in entries:
                prices.write(note["product"], int(note["cents"]))
            client.xack(STREAM, GROUP, *ids)
            written += len(entries)
    return written
