package virtshrink.os;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalLong;
import java.util.function.IntSupplier;
import java.util.function.LongSupplier;

/** The bytes of an open file and where the filesystem has them. Every failure is an {@link OsException}. Not thread-safe. */
public final class FileContent {
    private static final int FALLOC_FL_KEEP_SIZE = 1;
    private static final int FALLOC_FL_PUNCH_HOLE = 2;
    private static final int POSIX_FADV_DONTNEED = 4;
    private static final int SEEK_DATA = 3;
    private static final int SEEK_HOLE = 4;

    private final OpenFile file;

    FileContent(OpenFile file) {
        this.file = file;
    }

    /** Gives back the memory in which the host keeps this file's content, as far as that is on the disk already; a hint that cannot fail. */
    public void dropCache() {
        Libc.posix_fadvise(file.descriptor(), 0, 0, POSIX_FADV_DONTNEED);
    }

    /** All extents of the file in ascending order, after its dirty pages were written. */
    public List<PhysicalExtent> extents() throws OsException {
        List<PhysicalExtent> extents = new ArrayList<>();
        long next = 0;
        while (true) {
            List<PhysicalExtent> batch = extentsFrom(next);
            extents.addAll(batch);
            if (batch.isEmpty() || batch.get(batch.size() - 1).last()) {
                return extents;
            }
            PhysicalExtent end = batch.get(batch.size() - 1);
            next = end.logicalBytes() + end.lengthBytes();
        }
    }

    /**
     * The next few hundred extents that lie or end beyond an offset; none if there are no more. For files with so many that they should not
     * be held at once.
     *
     * @param logicalBytes 0, or the end of the last extent known
     */
    public List<PhysicalExtent> extentsFrom(long logicalBytes) throws OsException {
        return Ioctls.extentsFrom(file, logicalBytes);
    }

    /**
     * Lets this file share blocks of another on the same filesystem ({@code FICLONERANGE}).
     *
     * @param length 0 means up to the source's end; else a multiple of the filesystem's block size unless it ends there
     */
    public void cloneRange(OpenFile source, long sourceOffset, long length, long offset) throws OsException {
        Ioctls.cloneRange(file, source, sourceOffset, length, offset);
    }

    /**
     * Reads up to the buffer's length, less only at the end of the file.
     *
     * @return number of bytes read, 0 at or beyond the end
     */
    public int read(byte[] buffer, long offset) throws OsException {
        int done = 0;
        while (done < buffer.length) {
            byte[] piece = done == 0 ? buffer : new byte[buffer.length - done];
            long at = offset + done;
            int count = (int) checkLong("pread", () -> Libc.pread(file.descriptor(), piece, piece.length, at));
            if (count == 0) {
                break;
            }
            if (done > 0) {
                System.arraycopy(piece, 0, buffer, done, count);
            }
            done += count;
        }
        return done;
    }

    /** Writes all bytes at an offset. */
    public void write(byte[] bytes, long offset) throws OsException {
        int done = 0;
        while (done < bytes.length) {
            byte[] piece = done == 0 ? bytes : Arrays.copyOfRange(bytes, done, bytes.length);
            long at = offset + done;
            done += (int) checkLong("pwrite", () -> Libc.pwrite(file.descriptor(), piece, piece.length, at));
        }
    }

    /**
     * Writes the first bytes of a direct buffer at an offset, whatever its position; as few of them as the kernel takes in one call.
     *
     * @return number of bytes written
     */
    public int writeSome(ByteBuffer direct, int count, long offset) throws OsException {
        if (!direct.isDirect() || count < 0 || count > direct.capacity()) {
            throw new IllegalArgumentException(count + " bytes of " + direct);
        }
        ByteBuffer whole = direct.duplicate().clear();
        return (int) checkLong("pwrite", () -> Libc.pwrite(file.descriptor(), whole, count, offset));
    }

    /** Makes the file shorter, or longer by a hole. */
    public void truncate(long lengthBytes) throws OsException {
        check("ftruncate", () -> Libc.ftruncate(file.descriptor(), lengthBytes));
    }

    /** Gives the blocks of a range back to the filesystem; it reads as zeros, the file's length stays. */
    public void punchHole(long offset, long length) throws OsException {
        check(
                "fallocate",
                () -> Libc.fallocate(file.descriptor(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, length));
    }

    /** Offset of the first data at or after an offset; empty if only holes follow. */
    public OptionalLong seekData(long offset) throws OsException {
        return seek(offset, SEEK_DATA);
    }

    /** Offset of the first hole at or after an offset, at last the end of the file; empty beyond that. */
    public OptionalLong seekHole(long offset) throws OsException {
        return seek(offset, SEEK_HOLE);
    }

    private OptionalLong seek(long offset, int whence) throws OsException {
        try {
            return OptionalLong.of(checkLong("lseek", () -> Libc.lseek(file.descriptor(), offset, whence)));
        } catch (OsException e) {
            if (e.is(Errno.ENXIO)) {
                return OptionalLong.empty();
            }
            throw e;
        }
    }

    private void check(String call, IntSupplier attempt) throws OsException {
        SystemCall.check(call, file.path(), attempt::getAsInt);
    }

    private long checkLong(String call, LongSupplier attempt) throws OsException {
        return SystemCall.check(call, file.path(), attempt);
    }
}
