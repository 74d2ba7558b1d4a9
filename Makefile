# The platform in an embedded lab on this machine: `make up` deploys it, `make test` tests it. With STACK=prod, say, what
# operates on a stack operates on that one, with the pulumi, the key and the credentials that you have.

PYTHON ?= python3
STACK ?= lab
LAB := up test bench shell down clean
OPERATIONS := preview status releases rollback promote checklist

.DEFAULT_GOAL := help
.PHONY: help $(LAB) $(OPERATIONS)

help:
	@echo 'make up         set everything up and deploy the platform to the lab'
	@echo 'make test       set everything up, then run the tests (some: make test ARGS="-k order")'
	@echo 'make bench      measure it beside Docker Compose; about an hour, the platform is down meanwhile'
	@echo 'make shell      a shell in which `pulumi`, `docker` and `ssh lab` reach the lab'
	@echo 'make down       remove the platform; the lab stays'
	@echo 'make clean      remove the lab as well'
	@echo
	@echo 'on the lab, or any stack with STACK=name:'
	@echo 'make preview    show what `pulumi up` would change, and who would notice'
	@echo 'make status     show the live release, and every container'
	@echo 'make releases   show what was released, and can be again'
	@echo 'make rollback   make the release before live again (another: ARGS="--to 3f2a91cc0d1e")'
	@echo 'make promote    let the stack'"'"'s file name what the stack before it has proved'
	@echo 'make checklist  prove what must hold in production (a file to sign: ARGS="--write checklist.md")'

$(LAB):
	@$(PYTHON) lab/bootstrap.py
	@.venv/bin/python -m lab $@ $(ARGS)

$(OPERATIONS):
	@$(PYTHON) lab/bootstrap.py
ifeq ($(STACK),lab)
	@.venv/bin/python -m lab $@ $(ARGS)
else
	@.venv/bin/python -m ops $@ $(STACK) $(ARGS)
endif
