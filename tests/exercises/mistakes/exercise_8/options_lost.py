def trace(client, export):
    execute = client.execute_command

    def traced(*words, **options):
        with span(str(words[0]).split()[0].upper(), export):
            return execute(*words)

    client.execute_command = traced
