/**
 * When runs are due and which domains they are for. The only importer of Quartz. Everything about time is a pure function of instants; only
 * {@link virtshrink.schedule.Timetable} knows what time it is.
 */
@NullMarked
package virtshrink.schedule;

import org.jspecify.annotations.NullMarked;
