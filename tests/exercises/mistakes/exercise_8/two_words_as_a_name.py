def trace(client, export):
    execute = client.execute_command

    def traced(*words, **options):
        with span(words[0].upper(), export):
            return execute(*words, **options)

    client.execute_command = traced
