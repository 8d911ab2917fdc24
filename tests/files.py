"""Files that a case makes, and what a folder holds."""
import os


def write(path, text, mode=0o644):
    """A new file, with the folders above it."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    os.chmod(path, mode)


def append(path, text):
    with open(path, "a", encoding="utf-8") as file:
        file.write(text)


def files_in(directory):
    """The files below it, each as it is called from there."""
    return {os.path.relpath(os.path.join(folder, name), directory)
            for folder, _, names in os.walk(directory) for name in names}
