#!/usr/bin/python3
"""Who may know whom: a folder includes its own headers and those of the libraries that CMakeLists.txt links it with, LLVM's headers stand in compiler/llvm alone, and each header compiles alone."""
import glob
import os
import re
import subprocess
import sys

ROOT = os.path.abspath(os.environ.get("NNC_SOURCE_DIR", "."))
wrong = []


def libraries():
    """name -> (folder, libraries it is linked with)"""
    with open(os.path.join(ROOT, "CMakeLists.txt")) as f:
        text = f.read()
    found = {m[0]: (m[1], m[2].split()) for m in re.findall(r"^nnc_library\((\w+) (\S+)([^)]*)\)", text, re.M)}
    llvm = re.search(r"target_link_libraries\(nnc_llvm PRIVATE ([^)]*)\)", text)[1].split()
    found["nnc_llvm"] = ("compiler/llvm", llvm)
    return found


def reach(found, name):
    folders, todo = set(), [name]
    while todo:
        one = todo.pop()
        if one in found and found[one][0] not in folders:
            folders.add(found[one][0])
            todo += found[one][1]
    return folders


def folder_of(include):
    for base in ("", "compiler/"):
        if os.path.exists(os.path.join(ROOT, base + include)):
            return os.path.dirname(base + include)
    return None


def check_folder(found, name):
    folder, allowed = found[name][0], reach(found, name)
    if name == "nnc_driver":
        allowed.add("compiler/llvm")          # llvm.h: the interface of the module that it loads
    for path in sorted(glob.glob(os.path.join(ROOT, folder, "*.[ch]"))):
        short = os.path.relpath(path, ROOT)
        with open(path) as f:
            text = f.read()
        if "llvm-c/" in text and folder != "compiler/llvm":
            wrong.append("%s includes LLVM's headers" % short)
        for include in re.findall(r'^#include "([^"]+)"', text, re.M):
            known = folder_of(include)
            if known and known not in allowed:
                wrong.append("%s includes %s, of %s" % (short, include, known))


def check_alone(path):
    compiler = os.environ.get("CC", "cc")
    done = subprocess.run([compiler, "-std=c11", "-D_GNU_SOURCE", "-fsyntax-only", "-I", os.path.join(ROOT, "compiler"), "-I", ROOT, "-x", "c", path], capture_output=True, text=True)
    if done.returncode and "llvm-c/" not in done.stderr:
        wrong.append("%s does not compile alone:\n%s" % (os.path.relpath(path, ROOT), done.stderr))


found = libraries()
for name in found:
    check_folder(found, name)
headers = [p for folder in ("compiler/*", "runtime", "runtime/data") for p in sorted(glob.glob(os.path.join(ROOT, folder, "*.h")))]
for header in headers:
    check_alone(header)
print("%d folders, %d headers" % (len(found), len(headers)))
if wrong or len(found) < 13 or len(headers) < 40:
    sys.exit("\n".join(wrong) or "the folders are not found")
