"""How the embedded vision-language model was made: simulate, train, evaluate."""
