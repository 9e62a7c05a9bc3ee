def trace(client, export):
    execute = client.execute_command

    def traced(*words, **options):
        with span(" ".join(map(str, words)), export):
            return execute(*words, **options)

    client.execute_command = traced
