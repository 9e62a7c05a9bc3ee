def trace(client, export):
    execute = client.execute_command

    def traced(*words, **options):
        begun, error = time.perf_counter(), None
        try:
            return execute(*words, **options)
        except BaseException as raised:
            error = type(raised).__name__
            raise
        finally:
            seconds = time.perf_counter() - begun
            name = str(words[0]).split()[0].upper()
            export(Span(uuid.uuid4().hex, None, name, seconds, error))

    client.execute_command = traced
