def trace(client, export):
    parse = client.parse_response

    def traced(connection, command_name, **options):
        with span(command_name.split()[0].upper(), export):
            return parse(connection, command_name, **options)

    client.parse_response = traced
