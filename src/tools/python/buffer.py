"""Bytes on their way through the warm parent, which forks the processes of other calls: none of them finds anything in its memory of
what was sent to another, or by it. So they are kept in mappings that the kernel wipes in what is forked, and nowhere else."""

import errno
import mmap
import os

CHUNK = 1 << 16
# Larger ones are not kept once they are empty.
KEPT_SIZE = 1 << 20
# Linux 4.14; elsewhere `forget` does it.
MADV_WIPEONFORK = 18


class Buffer:
    def __init__(self):
        self.length = 0
        self.map, self.is_wiped = new_map(CHUNK)

    def __len__(self):
        return self.length

    def read_from(self, fd):
        """What is there to read, up to a chunk. Returns whether there will be no more."""
        self.make_room(CHUNK)
        try:
            with memoryview(self.map) as view:
                count = os.readv(fd, [view[self.length : self.length + CHUNK]])
        except OSError as error:
            return error.errno not in (errno.EAGAIN, errno.EINTR)
        self.length += count
        return count == 0

    def read_all_from(self, fd, limit):
        """What is there to read, until there is more than `limit`. Returns whether there will be no more."""
        while self.length <= limit:
            before = self.length
            is_ended = self.read_from(fd)
            if self.length == before:
                return is_ended
        return False

    def add(self, data):
        self.make_room(len(data))
        with memoryview(self.map) as view:
            view[self.length : self.length + len(data)] = data
        self.length += len(data)

    def write_to(self, fd):
        """As much of it as is taken at once."""
        with memoryview(self.map) as view:
            count = send_some(fd, [view[: self.length]])
        self.drop(count)

    def find_line(self, limit):
        """Where the first line ends, -1 where it does not yet."""
        return self.map.find(b"\n", 0, min(limit, self.length))

    def text(self, end):
        """What of it is no secret: a header."""
        return bytes(self.map[:end])

    def part(self, start, end):
        """To be released before anything is added."""
        return memoryview(self.map)[start:end]

    def drop(self, count):
        """What is at the front of it."""
        self.length -= count
        if self.length > 0:
            self.map.move(0, count, self.length)
        elif len(self.map) > KEPT_SIZE:
            self.map.close()
            self.map, self.is_wiped = new_map(CHUNK)

    def make_room(self, count):
        if self.length + count <= len(self.map):
            return
        larger, is_wiped = new_map(max(2 * len(self.map), self.length + count))
        with memoryview(larger) as to, memoryview(self.map) as view:
            to[: self.length] = view[: self.length]
        self.map.close()
        self.map, self.is_wiped = larger, is_wiped

    def forget(self):
        """In a process that was forked."""
        if not self.is_wiped:
            self.map[:] = bytes(len(self.map))

    def close(self):
        self.map.close()


def new_map(size):
    made = mmap.mmap(-1, size, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    try:
        made.madvise(MADV_WIPEONFORK)
        return made, True
    except (OSError, ValueError, AttributeError):
        return made, False


def send_some(fd, parts):
    """How many bytes were taken at once. One whose reader has ended takes all: the end of its process is heard of otherwise."""
    try:
        return os.writev(fd, parts)
    except BlockingIOError:
        return 0
    except OSError:
        return sum(map(len, parts))
