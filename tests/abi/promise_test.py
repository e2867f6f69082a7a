#!/usr/bin/env python3
"""promise_test.py: does promise.py see what it is there for?

Each case plants one change into a copy of today's headers and says how promise.py must name it; the
headers without it are the released ones. Besides: layout.c, which is read by humans, has every member.
"""
import contextlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
import promise  # noqa: E402  (beside this file)

HERE = os.path.dirname(os.path.abspath(__file__))
TODAY = os.path.join(HERE, '../../core/include')
MINOR = re.search(r'define PLUG_ABI_MINOR (\d+)', open(os.path.join(TODAY, 'plugboard/abi.h'), encoding='utf-8').read())[1]
RAISE = ('abi.h', f'#define PLUG_ABI_MINOR {MINOR}', f'#define PLUG_ABI_MINOR {int(MINOR) + 1}')
NEXT = f'#if PLUG_TARGET_MINOR >= {int(MINOR) + 1}\n%s\n#endif\n'

# name -> ((header, what is there, what is planted)..., the lines that promise.py must print)
PLANTED = {
    'a retyped member': ((('broker.h', 'uint32_t rtt_us;', 'int32_t rtt_us;'),),
                         ['plug_health.rtt_us: was uint32_t, is int32_t']),
    'a retyped member of a table that has grown': ((RAISE, ('ext/workpool.h', 'uint32_t size, reserved;', 'uint32_t size; int32_t reserved;'),
                                                    ('ext/workpool.h', 'plug_fn done, void *arg) PLUG_NOEXCEPT;\n',
                                                     'plug_fn done, void *arg) PLUG_NOEXCEPT;\n' + NEXT % '  void (*more)(void);')),
                                                   ['plug_workpool.reserved: was uint32_t, is int32_t']),
    'a member that lost its const': ((('plugin.h', 'const char *range;', 'char *range;'),),
                                     ['plug_option.range: was char const *, is char *']),
    'a pointer to another struct': ((('host.h', 'const struct plug_broker_up *broker;', 'const struct plug_app_up *broker;'),),
                                    ['plug_host.broker: was struct plug_broker_up const *, is struct plug_app_up const *']),
    'reordered members': ((('abi.h', 'struct plug_str key, value;', 'struct plug_str value, key;'),),
                          ['plug_kv.key: was at byte 0, is at 16', 'plug_kv.value: was at byte 16, is at 0']),
    'a removed member': ((('broker.h', re.compile(r'  void \(\*flow\)\(void \*self, int32_t paused\) PLUG_NOEXCEPT;\n'), ''),),
                         ['plug_broker.flow: is gone']),
    'a renamed member': ((('auth.h', 'uint32_t size, scope, cache_ms, reserved;', 'uint32_t size, scope, keep_ms, reserved;'),),
                         ['plug_decision.cache_ms: is gone', 'plug_decision.keep_ms: is new at byte 8, before the end at 16',
                          f'plug_decision.keep_ms: is new, but PLUG_ABI_MINOR is still {MINOR}, which is released']),
    'a member in the middle': ((RAISE, ('plugin.h', '  const struct plug_app *app;\n', '  const struct plug_app *app;\n  const void *extra;\n')),
                               [f'plug_plugin.{name}: was at byte {at}, is at {at + 8}'
                                for name, at in (('create', 88), ('start', 96), ('drain', 104), ('stop', 112), ('destroy', 120), ('cancel', 128), ('extension', 136))]
                               + ['plug_plugin.extra: is new at byte 88, before the end at 144']),
    'a member at the tail of a struct without a size': ((RAISE, ('auth.h', '  struct plug_str pattern; /* a destination or an Ant-style pattern */\n',
                                                                 '  struct plug_str pattern; /* a destination or an Ant-style pattern */\n  void *more;\n')),
                                                        ['plug_permission.more: is new in a struct that has no size, and so must not grow']),
    'a member that every plugin sees': ((RAISE, ('ext/proof.h', '(*proven_ms)(void *self) PLUG_NOEXCEPT;\n', '(*proven_ms)(void *self) PLUG_NOEXCEPT;\n  void *more;\n')),
                                        ['plug_broker_proof.more: is new, and not below #if PLUG_TARGET_MINOR >= its minor']),
    'a member under the minor that is out': ((('ext/proof.h', '(*proven_ms)(void *self) PLUG_NOEXCEPT;\n', '(*proven_ms)(void *self) PLUG_NOEXCEPT;\n  void *more;\n'),),
                                             [f'plug_broker_proof.more: is new, but PLUG_ABI_MINOR is still {MINOR}, which is released',
                                              'plug_broker_proof.more: is new, and not below #if PLUG_TARGET_MINOR >= its minor']),
    'a macro under the minor that is out': ((('plugin.h', '#define PLUG_ID_MAX 64', '#define PLUG_OPT_NEW 11\n#define PLUG_ID_MAX 64'),),
                                            [f'macro PLUG_OPT_NEW: is new, but PLUG_ABI_MINOR is still {MINOR}, which is released']),
    'a shrunk array': ((('abi.h', 'char text[252];', 'char text[124];'),),
                       ['plug_err.text: was char[252], is char[124]']),
    'a callback with another argument': ((('broker.h', 'void (*flow)(void *self, int32_t paused)', 'void (*flow)(void *self, int64_t paused)'),),
                                         ['plug_broker.flow: was (void (void *, int32_t)) *, is (void (void *, int64_t)) *']),
    'a callback with one argument more': ((('plugin.h', 'void (*destroy)(void *self)', 'void (*destroy)(void *self, int32_t why)'),),
                                          ['plug_plugin.destroy: was (void (void *)) *, is (void (void *, int32_t)) *']),
    'a callback with another result': ((('host.h', 'void (*timer_stop)(struct plug_timer *)', 'plug_status (*timer_stop)(struct plug_timer *)'),),
                                       ['plug_host.timer_stop: was (void (struct plug_timer *)) *, is (plug_status (struct plug_timer *)) *']),
    'another type under a name': ((('abi.h', 'typedef int32_t plug_status;', 'typedef int64_t plug_status;'),),
                                  ['typedef plug_status: was int32_t, is int64_t']),
    'another type of a callback': ((('host.h', 'typedef void (*plug_fn)(void *arg)', 'typedef void (*plug_fn)(const void *arg)'),),
                                   ['typedef plug_fn: was (void (void *)) *, is (void (void const *)) *']),
    'a changed macro': ((('broker.h', re.compile(r'#define PLUG_CAP_ORDERED .*'), '#define PLUG_CAP_ORDERED (1u << 9)'),),
                        ['macro PLUG_CAP_ORDERED: was 8u, is 512u']),
    'a macro of another type': ((('host.h', '#define PLUG_MSG_BINARY 1u', '#define PLUG_MSG_BINARY 1'),),
                                ['macro PLUG_MSG_BINARY: was 1u, is 1']),
    'a changed name of an extension': ((('ext/metrics.h', 'METRICS "plug.host.metrics/1"', 'METRICS "plug.host.metrics/2"'),),
                                       ['macro PLUG_EXT_METRICS: was "plug.host.metrics/1", is "plug.host.metrics/2"']),
    'a removed macro': ((('auth.h', '#define PLUG_SCOPE_SESSION 2', ''),),
                        ['macro PLUG_SCOPE_SESSION: is gone']),
    'a macro with other code': ((('plugin.h', '.abi_minor = PLUG_TARGET_MINOR', '.abi_minor = PLUG_ABI_MINOR'),),
                                ['macro PLUG_PLUGIN_HEAD: was .magic = PLUG_MAGIC, .abi_major = PLUG_ABI_MAJOR, .abi_minor = PLUG_TARGET_MINOR, '
                                 '.size = (uint32_t)sizeof(struct plug_plugin), is .magic = PLUG_MAGIC, .abi_major = PLUG_ABI_MAJOR, '
                                 '.abi_minor = PLUG_ABI_MINOR, .size = (uint32_t)sizeof(struct plug_plugin)']),
    'an inline function with another argument': ((('secret.h', 'plug_secret_wipe(void *bytes, size_t len)', 'plug_secret_wipe(char *bytes, size_t len)'),),
                                                 ['function plug_secret_wipe: was void (void *, size_t), is void (char *, size_t)']),
    'another type of the entry': ((('plugin.h', 'extern const struct plug_plugin PLUG_ENTRY;', 'extern struct plug_plugin PLUG_ENTRY;'),),
                                  ['variable plug_plugin_entry: was struct plug_plugin const, is struct plug_plugin']),
    'an older minor': ((('abi.h', f'#define PLUG_ABI_MINOR {MINOR}', '#define PLUG_ABI_MINOR 0'),),
                       [f'PLUG_ABI_MINOR: was {MINOR}, is 0']),
}


@contextlib.contextmanager
def copy_of_today():
    with tempfile.TemporaryDirectory() as work:
        include = os.path.join(work, 'include')
        shutil.copytree(TODAY, include)
        yield include


def plant(include, changes):
    for header, there, planted in changes:
        path = os.path.join(include, 'plugboard', header)
        with open(path, encoding='utf-8') as file:
            text = file.read()
        pattern = there if isinstance(there, re.Pattern) else re.compile(re.escape(there))
        text, n = pattern.subn(lambda _, planted=planted: planted, text)
        assert n == 1, f'{there} is {n} times in {header}'
        with open(path, 'w', encoding='utf-8') as file:
            file.write(text)


class Promise(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        work = tempfile.TemporaryDirectory()
        cls.addClassCleanup(work.cleanup)
        cls.today = promise.Headers(TODAY, work.name)

    def test_planted(self):
        for name, (changes, expected) in PLANTED.items():
            with self.subTest(name), copy_of_today() as include:
                plant(include, changes)
                self.assertEqual(sorted(promise.check(self.today, include, with_abidiff=False)), sorted(expected))

    def test_a_removed_header(self):
        with copy_of_today() as include:
            os.remove(os.path.join(include, 'plugboard/ext/workpool.h'))
            self.assertEqual(promise.check(self.today, include, with_abidiff=False),
                             ['plugboard/ext/workpool.h: is gone', 'plug_workpool: is gone', 'macro PLUG_EXT_WORKPOOL: is gone'])

    def test_an_enum(self):
        values = '#define PLUG_ID_MAX 64', 'enum plug_kind { PLUG_KIND_A = %d, PLUG_KIND_B = 2 };\n#define PLUG_ID_MAX 64'
        with copy_of_today() as old, copy_of_today() as new:
            for include, value in ((old, 1), (new, 5)):
                plant(include, [('plugin.h', values[0], values[1] % value)])
            self.assertEqual(promise.check(old, new, with_abidiff=False),
                             ['enumerator PLUG_KIND_A: was 1, is 5', 'plug_kind: no enum may cross the border'])

    def test_what_may_come_with_a_minor(self):
        with copy_of_today() as include:
            plant(include, [
                RAISE,
                ('ext/proof.h', '(*proven_ms)(void *self) PLUG_NOEXCEPT;\n', '(*proven_ms)(void *self) PLUG_NOEXCEPT;\n' + NEXT % '  void (*more)(void *self) PLUG_NOEXCEPT;'),
                ('broker.h', '  void (*flow)(void *self', '  void (*retired_flow)(void *self'),
                ('plugin.h', '#define PLUG_ID_MAX 64', '#define PLUG_OPT_NEW 11\nstruct plug_new { uint32_t size; };\n#define PLUG_ID_MAX 64')])
            with open(os.path.join(include, 'plugboard/ext/new.h'), 'w', encoding='utf-8') as file:
                file.write('#include <plugboard/host.h>\nstruct plug_other { uint32_t size; };\n')
            self.assertEqual(promise.check(self.today, include, with_abidiff=False), [])

    def test_abidiff_is_asked(self):
        name, (changes, expected) = 'a callback with another argument', PLANTED['a callback with another argument']
        with self.subTest(name), copy_of_today() as include:
            plant(include, changes)
            *lines, word = promise.check(self.today, include)
            self.assertEqual(lines, expected)
            self.assertRegex(word, r"^abidiff, as a plugin of that minor sees it:\n[^]*'struct plug_broker'[^]*int32_t.*int64_t".replace('[^]', r'[\s\S]'))

    def test_layout_has_every_member(self):
        source = os.path.join(HERE, 'layout.c')
        with open(source, encoding='utf-8') as file:
            said = set(re.findall(r'^(?:OFFSET|SIZE)\((plug_\w+, (?:\w+(?=, \d)|\d+))', file.read(), re.M))
        for name, (size, members) in self.today.structs.items():
            self.assertIn(f'{name}, {size}', said)
            for member, *_ in members:
                self.assertIn(f'{name}, {member}', said)

    def test_the_program_ends_with_1(self):
        program = [sys.executable, os.path.join(HERE, 'promise.py')]
        with copy_of_today() as include:
            plant(include, PLANTED['a shrunk array'][0])
            done = subprocess.run([*program, TODAY, include], capture_output=True, text=True, check=False)
            self.assertEqual(done.returncode, 1)
            self.assertRegex(done.stdout, r'(?m)^plug_err\.text: was char\[252\], is char\[124\]$')
            self.assertEqual(subprocess.run([*program, TODAY, TODAY], capture_output=True, check=False).returncode, 0)


if __name__ == '__main__':
    unittest.main()
