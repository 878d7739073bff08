"""The command line: one file a command group; read the options, call one function, show what came back."""
