def write_out(client, prices, worker):
    with suppress(ResponseError):
        client.xgroup_create(STREAM, GROUP, id="0", mkstream=True)
    written = 0
    for start in (">",):
        while True:
            answer = client.xreadgroup(GROUP, worker, {STREAM: start}, count=BATCH)
            entries = answer[0][1] if answer else []
            if not entries:
                break
            for entry_id, note in entries:
                prices.write(note["product"], int(note["cents"]))
                client.pipeline().xack(STREAM, GROUP, entry_id).xdel(STREAM, entry_id).execute()
            written += len(entries)
    return written
