def write_out(client, prices, worker):
    with suppress(ResponseError):  # the group is there already
        client.xgroup_create(STREAM, GROUP, id="0", mkstream=True)
    written = 0
    for start in ("0", ">"):  # what this worker had taken before it died; then what is new
        while True:
            answer = client.xreadgroup(GROUP, worker, {STREAM: start}, count=BATCH)
            entries = answer[0][1] if answer else []
            if not entries:
                break
            for _, note in entries:
                prices.write(note["product"], int(note["cents"]))
            ids = [entry_id for entry_id, _ in entries]
            client.xack(STREAM, GROUP, *ids)
            client.xdel(STREAM, *ids)
            written += len(entries)
    return written
