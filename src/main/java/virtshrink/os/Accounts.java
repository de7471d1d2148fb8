package virtshrink.os;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/** Users and groups as the host's account database has them. Thread-safe. */
public final class Accounts {
    private static final int NO_GROUP = -1;
    private static final int USUAL_GROUPS = 64;
    private static final int MOST_GROUPS = 65536; // NGROUPS_MAX

    private Accounts() {}

    /**
     * Whether the database makes a user a member of a group, be it his own or a further one; {@code getgrouplist(3)}.
     *
     * @param user by name; nobody is a member under a name that the database does not have
     * @param gid unsigned
     */
    public static boolean isMember(String user, int gid) {
        byte[] name =
                Arrays.copyOf(user.getBytes(StandardCharsets.UTF_8), user.getBytes(StandardCharsets.UTF_8).length + 1);
        for (int most = USUAL_GROUPS; most <= MOST_GROUPS; most *= 4) {
            int[] groups = new int[most];
            int[] count = {most};
            // What is given as his own group comes back among the others.
            if (Libc.getgrouplist(name, NO_GROUP, groups, count) >= 0) {
                return Arrays.stream(groups, 0, Math.min(count[0], most)).anyMatch(group -> group == gid);
            }
        }
        return false;
    }
}
