# Judges what is asked for alone, before there is a plan: the limits of `gate.plan`, in its words. A plan can only raise
# what is held against them, so nothing that is refused here passes there.
# Input: that of `gate.plan`, with an empty plan.
package gate.asked

import data.gate.plan

deny contains one if {
	some one in plan.over
	not plan.overridden
}
