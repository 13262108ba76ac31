"""Print the template as CloudFormation receives it, with SAM's resources expanded; for .venv-sam.

Takes lines of parameter values, as JSON, and prints one template a line. A dummy replaces the
image's address, which exists only after a build.
"""

import copy
import json
import sys

from samcli.yamlhelper import yaml_parse
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator

IMAGE = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/lookalike:dummy"

with open(sys.argv[1]) as file:
    template = yaml_parse(file.read())
for resource in template["Resources"].values():
    if resource["Type"] == "AWS::Serverless::Function":
        resource.pop("Metadata")
        resource["Properties"]["ImageUri"] = IMAGE
for values in sys.stdin:
    translated = Translator({}, Parser()).translate(copy.deepcopy(template), json.loads(values))
    print(json.dumps(translated))
