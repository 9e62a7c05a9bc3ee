def trace(client, export):
    execute = client.execute_command

    def traced(*words, **options):
        begun = time.perf_counter()
        reply = execute(*words, **options)
        seconds = time.perf_counter() - begun
        name = str(words[0]).split()[0].upper()
        export(Span(uuid.uuid4().hex, Current.span.get(), name, seconds, None))
        return reply

    client.execute_command = traced
