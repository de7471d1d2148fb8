package virtshrink.cli;

import java.io.IOException;

/** The daemon was to be asked, and there is none. */
final class NoDaemonException extends IOException {
    NoDaemonException() {
        super(
                "no virt-shrinkd is running here, or this user may not see it; start it with: systemctl start virt-shrinkd");
    }
}
