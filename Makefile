# The platform in an embedded lab on this machine: `make up` deploys it, `make test` tests it.

PYTHON ?= python3
COMMANDS := up test preview status shell down clean

.DEFAULT_GOAL := help
.PHONY: help $(COMMANDS)

help:
	@echo 'make up       set everything up and deploy the platform to the lab'
	@echo 'make test     set everything up, then run the tests (some: make test ARGS="-k order")'
	@echo 'make preview  show what `up` would change'
	@echo 'make status   show what runs'
	@echo 'make shell    a shell in which `pulumi`, `docker` and `ssh lab` reach the lab'
	@echo 'make down     remove the platform; the lab stays'
	@echo 'make clean    remove the lab as well'

$(COMMANDS):
	@$(PYTHON) lab/bootstrap.py
	@.venv/bin/python -m lab $@ $(ARGS)
