"""What is wrong: each rule looks at what is needed and at what is there. judge.py has the table of all."""
