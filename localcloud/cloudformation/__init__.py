"""CloudFormation, as far as stacks of Hubsmith's own templates need it: each resource is made through its service's API.

moto's own says success for types that it does not know. This one refuses them, and properties that it would ignore.

template.py   the text -> resources in the order of what they need; Ref, Fn::GetAtt, Fn::Sub, Fn::Join
names.py      what Ref and Fn::GetAtt stand for
kinds/        the types there are: how each is made, changed and deleted
stacks.py     what is known of a stack: resources, events, outputs (kept)
deploy.py     brings a stack to its template, in the background; back again when something fails
responses.py  the API's actions on stacks
change_sets.py, change_set_responses.py   what a template would change, before it is deployed
urls.py       where moto finds them
install.py    puts them in the place of moto's
"""
