"""The programs of the build directory: the epoll limit, and Plugboard with various settings."""

import subprocess
import tempfile

from .process import Contestant, Unavailable, certificate

TOKENS = 6000  # different ones; connections beyond that show one that another has shown, too


class OwnProgram(Contestant):
    """A program of the build directory."""

    def find_program(self):
        program = self.build / "bin" / self.program
        if not program.exists():
            raise Unavailable(f"{program} is not built")
        return str(program)


class Limit(OwnProgram):
    name = "limit"
    program = "limit"
    message_id_length = 20  # set by the calibration, so that frames are as long as Plugboard's

    def version(self):
        return "hand-written epoll server, of this tree"

    def command(self, directory, port, case):
        return [self.find_program(), str(port), str(self.message_id_length)], {}


class LimitTls(Limit):
    """One SSL_write per socket and turn."""

    name = "limit-tls"
    program = "limit-tls"
    load_options = {"tls": True}

    def command(self, directory, port, case):
        command, environment = super().command(directory, port, case)
        return command + list(certificate()), environment


class LimitRing(Limit):
    """One submission of io_uring for up to 512 writes, as the server has it."""

    name = "limit-ring"
    program = "limit-ring"


class LimitAgain(Limit):
    """The control: what differs between it and the limit is noise."""

    name = "limit-again"


class Plugboard(OwnProgram):
    name = "plugboard"
    program = "plugboard"
    extra_settings = ()
    own_settings = {}

    def command(self, directory, port, case):
        settings = {"http.listen": f"127.0.0.1:{port}", "server.workers": 1, **self.own_settings,
                    **case.settings}
        command = [self.find_program()]
        for item in [f"{k}={v}" for k, v in settings.items()] + list(self.extra_settings):
            command += ["--set", item]
        return command, {}


class PlugboardSend(Plugboard):
    """Writes with one send() per connection, as where io_uring is not to be had."""

    name = "plugboard-send"
    own_settings = {"server.io-uring": "off"}


class PlugboardBase(Plugboard):
    """An earlier Plugboard, of the build directory that --base names; wherever plugboard takes part."""

    name = "plugboard-base"

    def version(self):
        return f"{super().version()}, in {self.build.parent.parent.name}"


class PlugboardTwo(Plugboard):
    """With two workers."""

    name = "plugboard-2"
    own_settings = {"server.workers": 2}


class PlugboardXhr(Plugboard):
    """Subscribers come by streams of SockJS."""

    name = "plugboard-xhr"
    load_options = {"carrier": "xhr-streaming"}


class PlugboardDeflate(Plugboard):
    """Subscribers get compressed messages."""

    name = "plugboard-deflate"
    own_settings = {"endpoint /ws.deflate": "on"}
    load_options = {"carrier": "deflate"}


class PlugboardTls(Plugboard):
    """The same over TLS."""

    name = "plugboard-tls"
    load_options = {"tls": True}

    def command(self, directory, port, case):
        chain, key = certificate()
        self.own_settings = {"http.listen": "", "http.tls-listen": f"127.0.0.1:{port}",
                             "tls.certificate": chain, "tls.key": key}
        return super().command(directory, port, case)


class PlugboardAuth(Plugboard):
    """With auth-jwt and 30 rules: every client has an RS256 token of its own and is a class of its
    own, for a rule compares a claim. The rule that decides is the last one."""

    name = "plugboard-auth"
    tokens = None  # a directory with tokens and their key, made once and removed at the end

    def command(self, directory, port, case):
        if PlugboardAuth.tokens is None:
            PlugboardAuth.tokens = tempfile.TemporaryDirectory(prefix="plugbench-tokens-")
            subprocess.run([self.find_tool("make_tokens"), str(TOKENS), self.tokens.name], check=True)
        self.load_options = {"tokens": f"{self.tokens.name}/tokens"}
        self.own_settings = {
            "auth.plugins": "jwt", "auth.jwt.public-key": f"{self.tokens.name}/public.pem",
            "auth.jwt.issuer": "https://id.example/realms/chat", "auth.jwt.client": "web",
            "auth.jwt.roles": "realm_access.roles", "auth.jwt.attributes": "userId",
            "access.own": "subscribe /topic/users/{id}/** if {id} == claim:userId",
            **{f"access.room{i}": f"subscribe, send /topic/rooms/{i}/{{name}} if role room-{i} or role ADMIN"
               for i in range(28)},
            "access.all": "subscribe, send /topic/* if role user"}
        return super().command(directory, port, case)

    def find_tool(self, name):
        tool = self.build / "bin" / name
        if not tool.exists():
            raise Unavailable(f"{tool} is not built")
        return str(tool)


class PlugboardAuthNew(PlugboardAuth):
    """As plugboard-auth, but no token is known from before: a node that has just been started."""

    name = "plugboard-auth-new"

    def command(self, directory, port, case):
        command, environment = super().command(directory, port, case)
        return [*command, "--set", "auth.jwt.known-tokens=0"], environment


class PlugboardChat(PlugboardAuth):
    """As plugboard-auth, and what is published goes through the route of etc/chat.ini: the sender is
    judged, the text is checked and wrapped with who has sent it."""

    name = "plugboard-chat"
    protocol = "stomp-chat"

    def command(self, directory, port, case):
        command, environment = super().command(directory, port, case)
        for item in (
                "auth.jwt.attributes=userId, name", "access.all=subscribe /sub/** if role user",
                "access.chat=send /pub/** if role user",
                "destinations.broker=/topic, /sub", "destinations.app=/pub",
                "app.plugins=route", "app.route chat.pattern=/rooms/{room:slug}/chat",
                "app.route chat.if=authenticated and body.content not-blank and body.content string ..2000",
                "app.route chat.to=/sub/rooms/{room}/chat",
                'app.route chat.body={"sender":{"userId":"{claim.userId}","name":"{claim.name}",'
                '"profileImageUrl":"{claim.picture?}"},"content":"{body.content}"}'):
            command += ["--set", item]
        return command, environment
