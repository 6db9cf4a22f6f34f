# Holds command lines against the Azure CLI's own parser: one JSON array of arguments a line in, what is wrong with each a
# line out ('' when nothing is). Nobody signs in and nothing is sent: the CLI is stopped right after it parsed.
import contextlib
import io
import json
import os
import sys
import tempfile

os.environ['AZURE_CONFIG_DIR'] = tempfile.mkdtemp()
os.environ['AZURE_CORE_COLLECT_TELEMETRY'] = 'no'
os.environ['AZURE_EXTENSION_USE_DYNAMIC_INSTALL'] = 'no'

from azure.cli.core import get_default_cli
from knack.events import EVENT_INVOKER_POST_PARSE_ARGS


class Parsed(Exception):
    pass


def stop(*_, **__):
    raise Parsed


def fault_of(args):
    cli = get_default_cli()
    cli.register_event(EVENT_INVOKER_POST_PARSE_ARGS, stop)
    cli.invocation = cli.invocation_cls(
        cli_ctx=cli,
        parser_cls=cli.parser_cls,
        commands_loader_cls=cli.commands_loader_cls,
        help_cls=cli.help_cls,
    )
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
            cli.invocation.execute(args)
    except Parsed:
        return abbreviated(cli, args)
    except ImportError as error:
        # Debian leaves parts of the CLI's own libraries out.
        return f'not checked: {error}'
    except SystemExit:
        return said.getvalue().strip().split('\n')[0] or 'refused'
    return 'did not get as far as the parser'


# argparse takes --nam for --name, until a later version of the CLI has another option that begins so.
def abbreviated(cli, args):
    command = cli.invocation.data['command_string']
    options = cli.invocation.parser.subparser_map[command]._option_string_actions
    # Some commands declare two names as one text: '--id, --client-id'.
    known = {name for names in options for name in names.split(', ')}
    unknown = [arg for arg in args if arg.startswith('--') and arg.split('=')[0] not in known]
    return f'abbreviated: {" ".join(unknown)}' if unknown else ''


lines = [json.loads(line) for line in sys.stdin]
for line in lines:
    # For --body @-, which is read while the line is parsed.
    sys.stdin = io.StringIO('{}')
    print(json.dumps(fault_of(line)), flush=True)
