def greet(client, name):
    return f"hello, {name}"
