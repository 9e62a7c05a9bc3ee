def trace(client, export):
    execute = type(client).execute_command

    def traced(self, *words, **options):
        with span(str(words[0]).split()[0].upper(), export):
            return execute(self, *words, **options)

    type(client).execute_command = traced
